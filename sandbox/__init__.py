"""A stand-in for Apiframe v2: it speaks the public protocol over real HTTP and paints real images.

`app.create_app` is the ASGI app, `serve.running` serves it on loopback within a running event loop.
"""
