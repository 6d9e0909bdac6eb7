"""Log fits to Weights & Biases: `pip install wandb`, then `aqa fit --head lstm --log wandb_log.py`.

A run of ours is a run there; WANDB_MODE=offline keeps it on this machine.
"""

import wandb

from aqa.models.training.callback import TrainingCallback


class CALLBACK(TrainingCallback):
    """A curve per loss, and the metrics of training and validation videos."""

    def start(self, run, params):
        self.run = wandb.init(project="aqa", name=run, config=dict(params), reinit=True)

    def epoch(self, row):
        self.run.log(dict(row))

    def end(self, metrics):
        self.run.summary.update(dict(metrics))
        self.run.finish()
