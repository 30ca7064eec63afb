"""What TensorBoard's own reader finds in event files: python3 read_events.py FOLDER, as JSON. Needs tensorboard."""
import json
import sys

from tensorboard import version
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# Everything: the reader keeps a sample otherwise.
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0, "images": 0}).Reload()
tags = events.Tags()


def histogram(value):
    return dict(min=value.min, max=value.max, num=value.num, sum=value.sum, sum_squares=value.sum_squares,
                limits=list(value.bucket_limit), buckets=list(value.bucket))


print(json.dumps({
    "version": version.VERSION,
    "scalars": {tag: [[each.step, each.value] for each in events.Scalars(tag)] for tag in tags["scalars"]},
    "histograms": {tag: [histogram(each.histogram_value) for each in events.Histograms(tag)] for tag in tags["histograms"]},
    "images": {tag: [dict(width=each.width, height=each.height, png=each.encoded_image_string.hex())
                     for each in events.Images(tag)] for tag in tags["images"]},
}))
