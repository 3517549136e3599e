"""Pretrained encoders: found, read, run by torch or by ONNX Runtime."""
