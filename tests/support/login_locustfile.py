"""A locustfile with a login of its own: Flask-Login behind `--web-login`, as Locust's documentation shows it."""

import os

from flask import Blueprint, redirect, request, session, url_for
from flask_login import UserMixin, login_user

from locust import HttpUser, constant, events, task

own = Blueprint("own", "own_login")


class Shop(HttpUser):
    wait_time = constant(0.05)
    host = "HOST"

    @task
    def page(self) -> None:
        self.client.get("/hello")


class Person(UserMixin):
    def __init__(self, name: str) -> None:
        self.name = name

    def get_id(self) -> str:
        return self.name


@events.init.add_listener
def extend(environment, **_) -> None:
    web_ui = environment.web_ui
    if web_ui is None:
        return
    if "KEY" in os.environ:
        web_ui.app.config["SECRET_KEY"] = os.environ["KEY"]
    web_ui.login_manager.user_loader(lambda name: Person(name))
    web_ui.auth_args = {
        "username_password_callback": "/own_login",
        "auth_providers": [{"label": "Somewhere <else>", "callback_url": "/elsewhere", "icon_url": ""}],
    }

    @own.route("/own_login", methods=["POST"])
    def own_login():
        name = request.form.get("username", "")
        if request.form.get("password") == "secret":
            login_user(Person(name))
            return redirect(url_for("locust.index"))
        session["auth_error"] = "Wrong <user> or password"
        return redirect(url_for("locust.login"))

    @own.route("/guarded")
    @web_ui.auth_required_if_enabled
    def guarded():
        return "for those who have logged in"

    web_ui.app.register_blueprint(own)
