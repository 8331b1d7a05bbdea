"""pyHanko as a peer, by the line protocol of Peer.java.

Arguments: the folder of what is trusted, the time of validation, and "tuned" to keep what was
learnt about certificates from file to file. Changes between revisions are judged; nothing is
fetched.
"""

import asyncio
import io
import logging
import pathlib
import sys
import time
from datetime import datetime

from asn1crypto import crl, pem, x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import ValueErrorWithMessage
from pyhanko.sign.validation.pdf_embedded import (
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

# What pyHanko throws on purpose.
MEANT = (PdfError, ValueErrorWithMessage, PathError, ValidationError)


def trusted(folder):
    """Self-signed certificates are anchors, others may stand on a path; CRLs are taken as given."""
    anchors, others, lists = [], [], []
    for file in sorted(pathlib.Path(folder).iterdir()):
        data = file.read_bytes()
        parts = (
            [(kind, der) for kind, _, der in pem.unarmor(data, multiple=True)]
            if pem.detect(data)
            else [("X509 CRL", data)]
        )
        for kind, der in parts:
            if kind == "X509 CRL":
                lists.append(crl.CertificateList.load(der))
                continue
            certificate = x509.Certificate.load(der)
            is_anchor = certificate.subject == certificate.issuer
            (anchors if is_anchor else others).append(certificate)
    return {"trust_roots": anchors, "other_certs": others, "crls": lists}


async def verify(path, context):
    # In memory pyHanko reads faster.
    reader = PdfFileReader(io.BytesIO(pathlib.Path(path).read_bytes()))
    signatures = reader.embedded_regular_signatures
    timestamps = reader.embedded_timestamp_signatures
    if not signatures and not timestamps:
        return "unsigned", "no signature"
    for signature in signatures:
        status = await async_validate_pdf_signature(
            signature, signer_validation_context=context, ts_validation_context=context
        )
        if not status.bottom_line:
            return "refused", status.summary()
    for timestamp in timestamps:
        status = await async_validate_pdf_timestamp(timestamp, validation_context=context)
        if not status.bottom_line:
            return "refused", status.summary()
    return "accepted", "bottom_line"


async def verdict(path, context):
    try:
        return await verify(path, context)
    except MEANT as thrown:
        return "refused", type(thrown).__name__
    except Exception as thrown:
        return "crashed", type(thrown).__name__


async def main():
    folder, at, *words = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    material = trusted(folder)

    def context():
        return ValidationContext(
            moment=datetime.fromisoformat(at.replace("Z", "+00:00")),
            allow_fetching=False,
            revocation_mode="soft-fail",
            **material,
        )

    kept = context() if "tuned" in words else None
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.thread_time_ns()
        answer, word = await verdict(line.rstrip("\n"), kept or context())
        spent = time.thread_time_ns() - started
        print(answer, spent, word, sep="\t", flush=True)


asyncio.run(main())
