"""What people read of an evaluation: report, model card, table of predictions."""
