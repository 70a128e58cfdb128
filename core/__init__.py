"""Records, errors, settings, clock and secrets for all packages. Imports only the standard library.

records.py, recordings.py       the values that packages exchange, about cameras and about recordings
errors.py                       errors that reach a user or an API client
access.py                       roles, permissions and scopes
settings.py, secrets.py         settings from the environment; a secret that cannot be printed by accident
clock.py, backoff.py            time that tests can move; growing waits between tries
allowed_addresses.py            the addresses that the app may connect to
login_gate.py                   the limit of password attempts per device, over ONVIF and RTSP together
loop_thread.py                  a thread with an event loop, which parts of the app share
single_flight.py                concurrent callers share one running call
stored_json.py                  lists from JSON in the database
"""
