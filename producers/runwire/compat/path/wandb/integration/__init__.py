"""The callbacks of wandb's own for libraries that ship none: each one of ``runwire.integrations`` under wandb's name."""
