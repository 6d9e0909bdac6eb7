"""Fitted heads as files for other runtimes: ONNX, and PyTorch's own `torch.export`."""
