"""A form of a page as a browser sends it back: what stands in its fields, to be changed and posted."""

from html.parser import HTMLParser


class _Form(HTMLParser):
    """Reads the fields of the form with an id."""

    def __init__(self, form_id):
        super().__init__()
        self.form_id, self.is_in, self.fields = form_id, False, {}
        self.select, self.area = None, None

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "form":
            self.is_in = found.get("id") == self.form_id
        if not self.is_in or (tag != "option" and not found.get("name")):
            return
        if tag == "input":
            kind = found.get("type", "text")
            if kind in ("submit", "button", "file") or (kind in ("checkbox", "radio") and "checked" not in found):
                return
            self.fields[found["name"]] = found.get("value", "on" if kind == "checkbox" else "")
        elif tag == "select":
            self.select = found["name"]
            self.fields.setdefault(self.select, "")
        elif tag == "option" and self.select and "selected" in found:
            self.fields[self.select] = found.get("value", "")
        elif tag == "textarea":
            self.area = found["name"]
            self.fields[self.area] = ""

    def handle_data(self, data):
        if self.area:
            self.fields[self.area] += data

    def handle_endtag(self, tag):
        if tag == "form":
            self.is_in = False
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None


def fields_of(response, form_id):
    """The names and values that the form with this id would send."""
    form = _Form(form_id)
    form.feed(response.content.decode())
    assert form.fields, f"the page has no form {form_id}"
    return form.fields
