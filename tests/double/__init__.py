"""double -- a BigQuery and the little of Cloud Storage that staging needs, on loopback, for the real clients.

It claims the protocol: paths, ids, states, etags, 404, 409 and 412, the life of a job, uploads, locations, transactions
that are atomic and conflict. It does not claim to answer SQL as BigQuery does: DuckDB answers, from the project's own
translation, after Google's analyser has found nothing to refuse. What it does not know it answers with 501.
"""

from double.server import BigQueryDouble, serve

__all__ = ["BigQueryDouble", "serve"]
