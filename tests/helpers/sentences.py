"""An article of two paragraphs, to put boilerplate around."""

LEAD = "Wheat prices fell on Monday after rain in the plains."
REST = "Farmers expect a better harvest than last year, the grain board said."
TWO = f"{LEAD}\n\n{REST}"
