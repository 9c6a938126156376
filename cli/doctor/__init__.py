"""The configuration, checked against the real parts: each finding with a remedy where it is not well."""
