"""How a net is trained: the LightningModule, schedules, checkpoints, precision, history and display."""
