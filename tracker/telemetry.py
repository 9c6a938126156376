"""Whether there are traces: off unless OpenTelemetry's own variables ask for them; then nothing of it is imported."""

from collections.abc import Mapping

import structlog

from tracker.tracing import OFF, Tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTER, PROTOCOL = "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"
SPOKEN = "http/protobuf"
log = structlog.get_logger()


def begin(process: str, environ: Mapping[str, str]) -> Tracing:
    """`process` is what spans call it, unless OTEL_SERVICE_NAME says otherwise. Never raises: what is wrong with the
    variables is told in a line, and nothing is traced."""
    if not _wanted(environ):
        return OFF
    try:
        from tracker.spans import OpenTelemetry

        return OpenTelemetry(process)
    except Exception as error:  # noqa: BLE001  whatever a variable has led to: no webhook is to be lost by it
        log.error("nothing is traced", reason=f"{type(error).__name__}: {error}")
        return OFF


def _wanted(environ: Mapping[str, str]) -> bool:
    """An address to send to, or an exporter, is set, and nothing speaks against it."""
    exporters = [one.strip().lower() for one in environ.get(EXPORTER, "").split(",") if one.strip()]
    asked = bool(exporters) or any(environ.get(name, "").strip() for name in ENDPOINTS)
    if not asked or exporters == ["none"] or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if exporters and "otlp" not in exporters:
        log.warning("nothing is traced", reason=f"{EXPORTER} must be otlp or none: there is no other exporter here.")
        return False
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "") or environ.get(PROTOCOL, "") or SPOKEN
    if protocol.strip().lower() != SPOKEN:
        log.warning("nothing is traced", reason=f"{PROTOCOL} must be {SPOKEN}: nothing else is spoken here.")
        return False
    return True
