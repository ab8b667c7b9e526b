"""A locustfile that extends the web UI in all the ways that Locust's documentation shows."""

from pathlib import Path

from flask import Blueprint, jsonify, make_response, render_template, request

from locust import HttpUser, constant, events, task

sizes: dict[str, int] = {}
own = Blueprint("own", "own_pages", template_folder=str(Path(__file__).parent / "flask_templates"))


class Shop(HttpUser):
    wait_time = constant(0.05)
    host = "HOST"

    @task
    def page(self) -> None:
        self.client.get("/hello")


@events.request.add_listener
def count(name: str, response_length: int, **_: object) -> None:
    sizes[name] = sizes.get(name, 0) + response_length


@events.reset_stats.add_listener
def forget() -> None:
    sizes.clear()


@events.init.add_listener
def extend(environment, **_) -> None:
    web_ui = environment.web_ui
    if web_ui is None:
        return

    @own.route("/sizes")
    def all_sizes():
        return jsonify(sizes)

    @own.route("/sizes/csv")
    def as_file():
        response = make_response("\n".join(["Name,Bytes", *(f"{name},{size}" for name, size in sizes.items())]))
        response.headers["Content-Type"] = "text/csv"
        response.headers["Content-Disposition"] = "attachment;filename=sizes.csv"
        return response

    @own.route("/own")
    def own_page():
        web_ui.update_template_args()
        return render_template("own.html", **web_ui.template_args)

    @own.route("/echo", methods=["POST"])
    def echo():
        return jsonify(form=request.form.to_dict(), host=request.host, peer=request.remote_addr)

    @own.route("/fails")
    def fails():
        raise ValueError("this view does not work")

    @web_ui.app.after_request
    def add(response):
        if request.path == "/stats/requests":
            told = response.get_json()
            told["sizes"] = dict(sizes)
            response.set_data(web_ui.app.json.dumps(told))
        response.headers["X-Own"] = "yes"
        return response

    web_ui.app.register_blueprint(own)
    web_ui.template_args["own_argument"] = "from the locustfile"
