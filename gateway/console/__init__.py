"""Server-rendered pages: parse, call one service, render."""
