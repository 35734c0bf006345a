"""Sources of message texts in Jinja2's sandbox: read and compiled once, whoever asks."""

from functools import lru_cache

from jinja2 import StrictUndefined, Template, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def may_vary(source: str) -> bool:
    """Return whether there is anything in a source that is not said as it stands."""
    return "{" in source


@lru_cache(maxsize=1024)
def compiled(source: str) -> Template:
    """Return the template. Raises TemplateSyntaxError."""
    return _ENVIRONMENT.from_string(source)


@lru_cache(maxsize=1024)
def variables_in(source: str) -> frozenset[str]:
    """Return the names of the variables that a source uses. Raises TemplateSyntaxError."""
    return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(source))) if may_vary(source) else frozenset()


@lru_cache(maxsize=1024)
def has_statements(source: str) -> bool:
    """Return whether a source holds more than plain {{ names }}: conditions, filters, expressions."""
    _ENVIRONMENT.parse(source)
    plain = source
    for name in variables_in(source):
        plain = plain.replace(f"{{{{ {name} }}}}", "").replace(f"{{{{{name}}}}}", "")
    return "{{" in plain or "{%" in plain or "{#" in plain


def written(source: str, variables: dict[str, str | int]) -> str:
    """Return the text with its values, tidied. Raises UndefinedError for a variable without a value, TemplateSyntaxError."""
    return tidy(compiled(source).render(variables) if may_vary(source) else source)


def tidy(text: str) -> str:
    """Return text without stray blanks; its lines are paragraphs and stay."""
    return "\n".join(tidied for line in text.split("\n") if (tidied := " ".join(line.split())))
