"""A worker process, which `processes.py` starts.

It is told its job, then the response to a black clip, then groups of videos; it answers as
`messages.py` says.
"""

from __future__ import annotations

import traceback
import warnings

import cv2

from aqa.errors import AqaError, AqaWarning
from aqa.extract.parallel.messages import Crashed, Done, Refused, WorkerJob, WorkerNetwork
from aqa.processes import Inbox


def main() -> None:
    """Do what is told, until the process that started this one ends it."""
    inbox = Inbox()
    job: WorkerJob = inbox.get()
    cv2.setNumThreads(job.threads)
    warnings.simplefilter("ignore", AqaWarning)  # the first process has told them
    try:
        network = WorkerNetwork(job)
        inbox.answer(network.ready())
        for encoded in network.encoder(inbox.get()).encode(inbox.take):
            inbox.answer(Done(encoded))
    except AqaError as error:
        inbox.answer(Refused(str(error)))
    except Exception:
        inbox.answer(Crashed(traceback.format_exc()))
