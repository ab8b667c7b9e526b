"""Sets of tasks: one inside another, one in order, one as a graph. Sets are left by `interrupt`."""

from locust import HttpUser, MarkovTaskSet, SequentialTaskSet, TaskSet, constant, task, transition, transitions


class Checkout(SequentialTaskSet):
    """One step after the other."""

    def on_start(self) -> None:
        answer = self.client.post("/login", json={"email": "a@example.com", "password": "secret"})
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @task
    def fill_cart(self) -> None:
        self.client.post("/cart", json={"product_id": 1, "quantity": 1}, name="/cart (in order)")

    @task
    def leave(self) -> None:
        self.interrupt()


class Wandering(MarkovTaskSet):
    """Each step says which may follow it, and how probable each is."""

    @transitions({"product": 3, "leave": 1})
    def catalogue(self) -> None:
        self.client.get("/products", name="/products (wandering)")

    @transition("catalogue")
    def product(self) -> None:
        self.client.get("/products/1")

    @transition("catalogue")
    def leave(self) -> None:
        self.interrupt()


class Visitor(HttpUser):
    wait_time = constant(0.01)
    tasks = [Checkout, Wandering]

    @task
    class Browsing(TaskSet):
        @task(3)
        def home(self) -> None:
            self.client.get("/")

        @task
        def leave(self) -> None:
            self.interrupt(reschedule=False)
