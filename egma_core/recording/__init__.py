"""In: a tracker, a viewport log and sentences. Out: one reading in the store, durable as it happens."""
