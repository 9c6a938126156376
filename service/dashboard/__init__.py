"""The dashboard: a module for each page, their templates, and what browsers load with them."""
