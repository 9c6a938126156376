"""What operators did: who, what, when."""

from starlette.responses import Response

from service import queries
from service.dashboard.html import Visit


async def audit_page(visit: Visit) -> Response:
    queries.only(visit.request, ())
    return visit.html("audit", entries=[], older=None, by="", action="", actions=[], first=True)
