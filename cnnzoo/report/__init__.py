"""Tables and pictures from what runs left behind. Nothing here imports torch."""
