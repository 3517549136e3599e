"""Config and rows of a run that fine-tunes a tiny encoder."""

from small_fit import TOPICS

ROWS = tuple(f"{label},{text}" for label, texts in TOPICS.items() for text in texts)
CONFIG = """
task: topic
labels: [sport, weather, economy]
seed: 5
data: {format: table, path: rows.csv, near_duplicates: null, repeats: keep}
model:
  {kind: transformer, encoder: ENCODER, max_tokens: 24, device: cpu, precision: fp32, epochs: 2,
   batch_size: 4, learning_rate: 2e-3, evaluations: 2}
tracking: {experiment: tuned}
"""
