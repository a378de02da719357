"""In: a seed. Out: a phantom chest film with known findings, and a simulated reader's words and looks. For tests, demos and ablations."""
