"""wandb's own callbacks, for libraries that ship none: each one of ``runwire.integrations`` under wandb's name."""
