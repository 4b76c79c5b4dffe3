"""Tables as the lines that somebody reads."""

from leasebench.results.display.layout import lay_out


def shown(grids, width=200):
    """The lines of each table, as a screen of so many columns shows them."""
    return [["".join(piece.text for piece in line) for line in one.lines] for one in lay_out(list(grids), width)]
