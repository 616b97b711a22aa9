"""What any `nn.Module` is made of and what it costs."""
