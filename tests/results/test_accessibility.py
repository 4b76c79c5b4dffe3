"""The inspection of pages catches what it is there for: a page with known faults, and one without."""

from accessibility import faults_of, grave

FRAME = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title></head><body>{}</body></html>'
SOUND = "<main><h1>A page</h1><p><label>guard <input></label></p></main>"
FAULTY = '<main><h1>A page</h1><p style="color:#bbb;background:#fff">faint</p><input><img src="data:,"></main>'


def page_of(tmp_path, opened, body):
    file = tmp_path / "page.html"
    file.write_text(FRAME.format(body))
    return opened(file)


def test_a_sound_page_has_no_fault(tmp_path, opened):
    assert faults_of(page_of(tmp_path, opened, SOUND)) == []


def test_a_page_with_known_faults_is_caught(tmp_path, opened):
    found = {fault.rule for fault in grave(faults_of(page_of(tmp_path, opened, FAULTY)))}
    assert {"color-contrast", "image-alt", "label"} <= found
