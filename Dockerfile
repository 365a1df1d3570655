# syntax=docker/dockerfile:1
# A static binary in an empty image, run by nobody.
FROM docker.io/library/golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY replicator replicator
COPY schema schema
COPY sink sink
ARG VERSION=unknown
ARG REVISION=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o /rowshift ./cmd/rowshift

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build /rowshift /rowshift
USER 65532:65532
EXPOSE 9187
ENTRYPOINT ["/rowshift"]
CMD ["run", "--config", "/etc/rowshift/rowshift.yaml"]
