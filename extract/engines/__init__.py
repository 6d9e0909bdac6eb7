"""What runs a network: PyTorch, or OpenVINO where it is installed and faster."""
