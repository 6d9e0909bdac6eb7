"""Log fits to MLflow: `pip install mlflow`, then `aqa fit --head lstm --log mlflow_log.py`.

MLFLOW_TRACKING_URI says where to; by default it is a folder here.
"""

import mlflow

from aqa.models.training.callback import TrainingCallback


class CALLBACK(TrainingCallback):
    """A curve per loss, and the metrics of training and validation videos."""

    def start(self, run, params):
        mlflow.set_experiment("aqa")
        mlflow.start_run(run_name=run)
        mlflow.log_params(dict(params))
        self.step = 0

    def epoch(self, row):
        self.step += 1
        mlflow.log_metrics({k: v for k, v in row.items() if k != "epoch"}, step=self.step)

    def end(self, metrics):
        mlflow.log_metrics({name.replace("/", "_"): value for name, value in metrics.items()})
        mlflow.end_run()
