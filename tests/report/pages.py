"""Reading a written page: its tags, attributes and text, and the figures inside it."""

import base64
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree


class Page(HTMLParser):
    """What a browser would find."""

    def __init__(self, path):
        super().__init__()
        self.found, self.words, self.others, self.inside = [], [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_data(self, data):
        if self.inside[-1:] != ["style"]:
            self.words.append(data)

    def handle_endtag(self, tag):
        self.inside.append("/" + tag)

    def handle_comment(self, data):
        self.others.append(data)

    handle_pi = unknown_decl = handle_comment

    @property
    def text(self):
        return "".join(self.words)

    @property
    def headings(self):
        """Titles of the sections."""
        return [unescape(part.split("</h2>")[0]) for part in self.source.split("<h2>")[1:]]

    @property
    def figures(self):
        """Every figure as an XML element, with what it shows in words."""
        pictures = [a for t, a in self.found if t == "img"]
        sources = [a["src"].removeprefix("data:image/svg+xml;base64,") for a in pictures]
        trees = [ElementTree.fromstring(base64.b64decode(s, validate=True)) for s in sources]
        return list(zip((a["alt"] for a in pictures), trees))
