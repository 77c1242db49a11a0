"""Settings of the table [web], and the problems of its keys together."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_urlsafe

from monitor.config.certificates import check_pair
from monitor.config.reader import Reading
from monitor.config.secrets import read_secret
from monitor.model.secret import Secret
from monitor.model.settings import WebSettings


def web_settings(reading: Reading) -> WebSettings:
    """Return where and how the monitor serves; problems are noted."""
    values = dict(reading.table("web"))
    listen = values.pop("listen", None)
    check_pair("web", values, reading)
    for name in ("password", "token"):
        values[name] = read_secret("web", name, values, reading)
    user, password = values.get("username"), values["password"]
    if password is not None and not user:
        reading.problem("web.username", "it is missing", "write the user of the password")
    if user and password is None and not reading.reported("web.password_file"):
        reading.problem("web.password_file", "it is missing", "name the file of the password")
    if user and ":" in user:
        reading.problem("web.username", "a user holds no colon", "write a name without one")
    for name in ("password", "token"):
        if values[name] is not None and not values[name].reveal():
            reading.problem(f"web.{name}_file", "it is empty", f"write the {name} into it")
    if reading.waits_for_file("web.password_file") or reading.waits_for_file("web.token_file"):
        values["token"] = Secret(token_urlsafe(32))  # known to no client: nothing is open meanwhile
    values["allowed_hosts"] = tuple(values.pop("allowed_hosts", ()))
    settings = WebSettings(**values)
    return replace(settings, host=listen.host, port=listen.port) if listen else settings
