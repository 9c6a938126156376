"""What many operations refuse alike."""

from tracker import errors

EVERYWHERE = (errors.BadRequest, errors.HeadersTooLarge, errors.TrackerError)
GUARDED = (
    errors.Unauthenticated,
    errors.TooManyFailures,
    errors.Forbidden,
    errors.NotAcceptable,
    errors.InvalidInput,
    errors.StoreUnavailable,
)
BODY = (errors.TooLarge, errors.TooSlow, errors.Busy)
WITH_BODY = (*BODY, errors.UnsupportedMediaType)
