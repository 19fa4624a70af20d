"""A relay on loopback: an HTTP server with a fixed local key that sends each request to the proxy with a fresh one.

To follow one request, read `guarded_server`, `guard` and `target` (what is let in), `relay`, `forwarding` and `body`
(what is sent, and sent again), `keys` and `upstream` (with which key, and how), `websockets` and `failures`. `serving`
and `beside` run a relay, as the main thing of a process or beside another program; `resident` is how other commands
find one, `local_key` and `units` what programs and the system are set up with.
"""
