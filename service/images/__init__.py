"""Result images: fetched from upstream's CDN, looked at, made smaller, kept for a while."""
