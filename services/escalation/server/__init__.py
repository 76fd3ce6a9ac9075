"""The experts' side by HTTP: an API under /v1, and pages for people.

Open first: commands.py (how a command gets into the mailbox and its answer out), then api.py and console.py.
"""

from starlette.routing import BaseRoute, Mount

from aivis import web
from services.escalation.server.api import Api
from services.escalation.server.console import Console
from services.escalation.server.means import Means


def routes(means: Means) -> list[BaseRoute]:
    return [Mount("/v1", app=web.api(Api(means).routes())), *Console(means).routes()]
