"""In: a plan. Out: what gaze is worth on phantom films: many trainings at equal budgets, compared with honest statistics."""
