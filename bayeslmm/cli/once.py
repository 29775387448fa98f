"""An option that stands twice with two values: which one is meant is not guessed."""

from typing import Any

from typer.core import TyperCommand


class Once(TyperCommand):
    """A command each of whose options is given once, but for those that collect."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Refuse what typer would read as the last one that was given."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for param in given:
            single = not (getattr(param, "multiple", True) or getattr(param, "is_flag", False))
            if single and param.param_type_name == "option" and given.count(param) > 1:
                ctx.fail(f"{param.opts[0]} is given {given.count(param)} times; give it once")
        return super().parse_args(ctx, args)
