package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/holdfast-sre/holdfast/demo/booking/service"
)

// maxBody bounds what a client may send, in bytes.
const maxBody = 4 << 10

// maxRoom bounds the name of a room, in bytes.
const maxRoom = 64

// Bookings is what the handlers need of the booking service.
type Bookings interface {
	CreateBooking(ctx context.Context, room string) (Booking, error)
	GetBooking(ctx context.Context, id int64) (Booking, error)
	CancelBooking(ctx context.Context, id int64) error
}

// Handler answers HTTP requests.
type Handler struct {
	bookings Bookings
	log      *slog.Logger
}

// NewHandler returns a handler over bookings.
func NewHandler(bookings Bookings, log *slog.Logger) *Handler {
	return &Handler{bookings: bookings, log: log}
}

// Register adds the routes, each counted under its own name.
func (h *Handler) Register(mux *http.ServeMux, m *service.HTTPMetrics) {
	mux.Handle("POST /v1/bookings", m.Handle("create", h.HandleCreate, http.StatusCreated, http.StatusServiceUnavailable))
	mux.Handle("GET /v1/bookings/{id}", m.Handle("get", h.HandleGet, http.StatusOK, http.StatusServiceUnavailable))
	mux.Handle("POST /v1/bookings/{id}/cancel", m.Handle("cancel", h.HandleCancel, http.StatusOK, http.StatusServiceUnavailable))
}

// HandleCreate books a room.
func (h *Handler) HandleCreate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Room string `json:"room"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil || in.Room == "" || len(in.Room) > maxRoom {
		service.WriteError(w, http.StatusBadRequest, "room is missing or too long")
		return
	}
	b, err := h.bookings.CreateBooking(r.Context(), in.Room)
	if err != nil {
		h.fail(w, r, "creating a booking failed", err)
		return
	}
	service.WriteJSON(w, http.StatusCreated, b)
}

// HandleGet reads a booking.
func (h *Handler) HandleGet(w http.ResponseWriter, r *http.Request) {
	id, ok := bookingID(w, r)
	if !ok {
		return
	}
	b, err := h.bookings.GetBooking(r.Context(), id)
	if err != nil {
		h.fail(w, r, "reading a booking failed", err)
		return
	}
	service.WriteJSON(w, http.StatusOK, b)
}

// HandleCancel cancels a booking (PRD-015, story 2). It answers
//
//	200  cancelled: the room is free and the refund is on its way
//	404  there is no such booking
//	409  it was cancelled before
//	503  the database took no connection: nothing was changed, ask again
//
// Every other failure of the database is a 503 too.
func (h *Handler) HandleCancel(w http.ResponseWriter, r *http.Request) {
	id, ok := bookingID(w, r)
	if !ok {
		return
	}
	if err := h.bookings.CancelBooking(r.Context(), id); err != nil {
		h.fail(w, r, "cancelling a booking failed", err)
		return
	}
	service.WriteJSON(w, http.StatusOK, Booking{ID: id, Status: statusCancelled})
}

// fail answers what err means to the client and logs what an engineer needs.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, msg string, err error) {
	switch {
	case errors.Is(err, errNotFound):
		service.WriteError(w, http.StatusNotFound, err.Error())
	case errors.Is(err, errCancelled):
		service.WriteError(w, http.StatusConflict, err.Error())
	default:
		h.log.Error(msg, "path", r.Pattern, "error", err, service.Stack(err))
		service.WriteError(w, http.StatusServiceUnavailable, "try again later")
	}
}

func bookingID(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		service.WriteError(w, http.StatusBadRequest, "booking id is not a number")
		return 0, false
	}
	return id, true
}
