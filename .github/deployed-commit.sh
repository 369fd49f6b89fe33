#!/usr/bin/env bash
# Print the commit that an environment runs: deployed-commit.sh ENVIRONMENT. Print nothing if that is not known: there was
# no deployment yet, or the last one failed or was refused, and may have changed a part.
# Reads GITHUB_REPOSITORY, and GH_TOKEN with the right to read deployments.
set -euo pipefail
gh api graphql --field owner="${GITHUB_REPOSITORY%/*}" --field name="${GITHUB_REPOSITORY#*/}" --field environment="$1" \
    --raw-field query='
    query ($owner: String!, $name: String!, $environment: String!) {
      repository(owner: $owner, name: $name) {
        deployments(first: 20, environments: [$environment], orderBy: {field: CREATED_AT, direction: DESC}) {
          nodes { state commitOid }
        }
      }
    }' |
    jq --raw-output '
        # the deployment that asks, and others that have not begun
        ["IN_PROGRESS", "PENDING", "QUEUED", "WAITING"] as $open
        | [.data.repository.deployments.nodes[] | select(.state as $state | $open | index($state) | not)]
        | first // empty
        | select(.state == "ACTIVE" or .state == "SUCCESS")
        | .commitOid'
