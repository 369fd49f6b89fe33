#!/bin/sh
# Creates the bucket of the lake if it is missing, signed by curl; waits until the store responds.
set -eu
url="${LAKE_URL:?}/${LAKE_BUCKET:?}"

signed() {
    curl --silent --show-error --output /dev/null --write-out '%{http_code}' --max-time 10 \
        --aws-sigv4 "aws:amz:${LAKE_REGION:?}:s3" --user "${LAKE_USER:?}:${LAKE_PASSWORD:?}" "$@"
}

# a store that starts refuses connections, then returns 503
patient() {
    tries=60
    while :; do
        status="$(signed "$@")" || status=none
        case "$status" in none | 5??) ;; *) return ;; esac
        tries=$((tries - 1))
        if [ "$tries" -le 0 ]; then
            echo "the object store at ${LAKE_URL} is not ready (response: ${status}): see the log of service minio" >&2
            exit 1
        fi
        sleep 2
    done
}

patient --head "$url"
if [ "$status" = 404 ]; then
    patient --request PUT "$url"
fi
if [ "$status" != 200 ]; then
    echo "bucket ${LAKE_BUCKET} cannot be created at ${LAKE_URL}: the store returned ${status}" >&2
    exit 1
fi
echo "bucket ${LAKE_BUCKET} exists"
