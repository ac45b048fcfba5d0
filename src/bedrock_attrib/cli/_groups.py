"""Groups of commands: help without arguments, and a default command."""

from __future__ import annotations

import click


class HelpfulGroup(click.Group):
    """A group that shows its help when it is called without arguments."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help, with exit code 0, if there are no arguments."""
        # click 8.2 and later end with code 2 here.
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)


class DefaultGroup(click.Group):
    """A group whose first command runs where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the first command before arguments without one."""
        named = {*self.commands, *ctx.help_option_names}
        is_completion = ctx.resilient_parsing and not args
        if not is_completion and (not args or args[0] not in named):
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """List the commands in their own order, the default first."""
        return [*self.commands]
