"""The HTTP side: pages, API, live sockets, access control. A view reads a request, makes one call and answers.

A request, from the connection to the manager:
 1. server.py: gunicorn, one worker process with threads. flask_app.py builds the Flask application; slow_clients.py
    ends connections that read or send too slowly.
 2. guard.py refuses other web sites and hidden proxies (client.py knows the client's address).
 3. access/ finds the sender, the permission and the camera: access/rules.py has a row for every route.
 4. The view: api/ (JSON), pages.py (HTML), stream_files.py (playlists and segments), static_files.py, or live/
    (WebSockets).
 5. The view takes a manager from services.py and calls it, for example OnvifManager or StreamManager.
 6. problems.py turns an error into an answer (the form is in problem_document.py).

strict_json.py, fields.py      JSON bodies and their fields, refused with the name of the wrong field
request_limit.py               limits of requests that wait for a device or a file
login_cookie.py, login_viewers.py  the login's cookie and CSRF token; the streams that each login watches
front_end.py                   addresses of scripts and style sheets, for the templates
secrets_command.py             `flask --app app secrets rotate`
instance_lock.py, logs.py, allocator.py  one app per folder, log files, limits of memory
"""
