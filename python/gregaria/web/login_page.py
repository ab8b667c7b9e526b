"""What a locustfile may put into `web_ui.auth_args`: how the login page looks, and where it leads."""

from __future__ import annotations

from typing import TypedDict


class InputField(TypedDict, total=False):
    """A field of a form."""

    label: str
    name: str
    type: str | None
    default_value: bool | None
    choices: list[str] | None
    is_multiple: bool | None
    is_secret: bool | None
    is_required: bool | None


class CustomForm(TypedDict, total=False):
    """A form in place of user and password."""

    inputs: list[InputField] | None
    callback_url: str
    submit_button_text: str | None


class AuthProvider(TypedDict, total=False):
    """A button that leads to somebody else's login."""

    label: str | None
    callback_url: str
    icon_url: str | None


class AuthArgs(TypedDict, total=False):
    """Everything on the login page."""

    custom_form: CustomForm
    auth_providers: list[AuthProvider]
    username_password_callback: str
    title: str
    error: str | None
    info: str | None
