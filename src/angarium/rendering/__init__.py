"""Renders Liquid templates to a channel's content, with limits against hostile templates."""
