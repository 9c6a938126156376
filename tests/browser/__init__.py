"""Pages as people see them: a real Chromium, the service, a worker and the stand-in upstream."""

import pytest

ONE_LOOP = pytest.mark.asyncio(loop_scope="package")
"""Every module's mark: these tests share an event loop, and so one Chromium serves them all."""
