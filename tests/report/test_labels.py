"""Labels part where points are near each other, and stay within the plot."""

from blur_pipeline.report.labels import label_places


def test_a_label_alone_stands_above_and_to_the_right():
    assert label_places([(0.5, 0.5)], ["npo"], 2) == ["top right"]


def test_at_the_right_edge_it_stands_to_the_left_and_at_the_top_below():
    assert label_places([(0.99, 0.5)], ["blur_npo"], 2) == ["top left"]
    assert label_places([(0.5, 0.99)], ["npo"], 2) == ["bottom right"]


def test_labels_of_neighbours_part():
    """Ten pixels apart, one above the other: both to the right would cover each other."""
    first, second = label_places([(0.4, 0.5), (0.4, 0.48)], ["(1) blur_npo", "(2) npo"], 2)
    assert (first, second) == ("top right", "bottom right")


def test_a_marker_is_not_written_over():
    """A point just right of another: the label of the first goes elsewhere."""
    first, _ = label_places([(0.40, 0.50), (0.43, 0.53)], ["(1) blur_npo", "target"], 2)
    assert first != "top right"


def test_where_there_is_no_room_later_labels_are_left_out():
    """Sixty points in one corner are named by hovering alone; the first ones keep their names whatever they cover."""
    crowd = [(0.3 + 0.001 * i, 0.9) for i in range(60)]
    places = label_places(crowd, ["(12) blur_npo"] * 60, 2)
    assert None not in places[:2]
    assert places.count(None) > 50
    assert None not in label_places(crowd, ["(12) blur_npo"] * 60, 60)
