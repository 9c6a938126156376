"""Which requests may go the short way, and the way in."""

from service.short import delivery, look
from service.short.passing import Answer, Passing, Way

BEGINNINGS = delivery.BEGINNING, look.BEGINNING
"""Of requests that are worth a look."""


class ShortWay(Way):
    def take(self, data: bytes, answer: Answer, host: str) -> bool:
        """Whether `data`, a whole request from `host`, is taken: then `answer` is called once. Else nothing has
        happened yet."""
        passing = self._offered(data, answer, host)
        if passing is None:
            return False
        try:
            passing.begin()
        except Exception as error:  # noqa: BLE001  # whatever it is, the answer tells it
            passing.fail(error)
        return True

    def _offered(self, data: bytes, answer: Answer, host: str) -> Passing | None:
        if data.startswith(look.BEGINNING):
            return look.offered(self, data, answer)
        return delivery.offered(self, data, answer, host)
