"""Which columns scikit-learn's metadata routing hands to a head, declared by what the head names.

With `sklearn.set_config(enable_metadata_routing=True)`, `GridSearchCV(head, ...).fit(x, y,
type=types)` and `cross_val_predict(head, x, y, params={"type": types})` need no call of
`set_fit_request`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.utils.metadata_routing import MetadataRequest


def column_requests(owner: object, fit: Sequence[str], answer: Sequence[str]) -> MetadataRequest:
    """The request of a head that learns from the columns `fit` and answers from `answer`.

    Every head takes `id`, by which errors call the videos, and `groups` to be fitted.
    """
    request = MetadataRequest(owner=owner)
    for method, names in (("fit", fit), ("predict", answer), ("score", answer)):
        for name in dict.fromkeys((*names, "id")):
            getattr(request, method).add_request(param=name, alias=True)
    request.fit.add_request(param="groups", alias=True)
    request.score.add_request(param="sample_weight", alias=None)
    return request
