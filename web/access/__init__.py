"""Access control of all requests: the sender, the necessary permission, and the camera and channel.

`rules` has a row for every route; `targets` finds the camera and channel; `principal` finds the sender; `enforcement`
puts them together before each view; `audit` writes the audit log. A camera or channel that a user may not see does
not exist for this user: the answer is 404, not 403.
"""
